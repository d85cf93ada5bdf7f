"""What runs both in a browser and without one: the toy of the plane, and the lessons."""
