"""Files for the places where clusters run: images, Kubernetes, machines of clouds."""
