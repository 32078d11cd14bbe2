"""The doors to customers, one module each: two translators and nothing else."""
