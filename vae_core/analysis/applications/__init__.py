"""What a trained model is used for, each use beside its baselines: compression, denoising, anomalies, clustering."""
