"""Private servers for tests: started on free loopback ports in temporary folders, ended by process id."""
