"""The platform on Kubernetes: its images, its manifests, and a cluster that runs them."""
