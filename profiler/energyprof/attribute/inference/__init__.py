"""The statistical estimator of one sensor's domain: rows, design, noise, likelihood, prediction, verdict."""
