"""What everybody speaks: time, kinds, readings, what a driver is, orders. Pure."""
