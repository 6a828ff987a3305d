"""Who is on call: rotations of the configuration, calendars, and endpoints that are asked."""
