// Scenarios wait for sockets and for PostgreSQL most of the time, so more of them run at once than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
