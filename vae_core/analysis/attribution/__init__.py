"""Which pixels drive what a model makes of a picture: attribution maps, their check, and what a latent unit changes."""
