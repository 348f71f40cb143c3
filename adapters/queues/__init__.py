"""Queues: where batches wait, durably, for a worker."""
