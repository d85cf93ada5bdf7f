"""The Trajectories page: what each estimator does to a path over a loss surface."""
