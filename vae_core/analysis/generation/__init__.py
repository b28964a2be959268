"""What a model makes up: samples, paths between pictures, arithmetic, and how good samples are."""
