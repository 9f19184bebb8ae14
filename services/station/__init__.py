"""The HTTP gateway of the camera racks."""
