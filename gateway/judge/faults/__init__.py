"""What is wrong with the gateway and its devices, and what of it somebody must see soon. Pure."""
