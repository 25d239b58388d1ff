"""The workloads: a description of each, pure data, and its Locust user class, in separate modules."""
