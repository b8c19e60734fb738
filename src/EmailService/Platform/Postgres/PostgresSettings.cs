namespace EmailService.Platform;

/// <summary>The settings of the embedded cluster: durable, and sized for a small machine.</summary>
internal static class PostgresSettings
{
    /// <summary>Included by <c>postgresql.conf</c> and written anew at each start. What the operator sets with ALTER SYSTEM wins.</summary>
    public const string FileName = "emailservice.conf";

    public static string Text(PostgresPlace place) => $"""
        # Written by emailservice at each start. Change settings with ALTER SYSTEM, not here.
        listen_addresses = ''
        unix_socket_directories = '{place.SocketFolder}'
        unix_socket_permissions = 0700
        port = 5432
        max_connections = 200

        # A 202 promises that the message survives a power cut.
        fsync = on
        synchronous_commit = on
        full_page_writes = on

        # One machine, no replicas: log no more than recovery needs, and keep checkpoints rare.
        wal_level = minimal
        max_wal_senders = 0
        wal_compression = on
        max_wal_size = 2GB
        checkpoint_timeout = 15min
        commit_delay = 0

        shared_buffers = 256MB
        effective_cache_size = 1GB
        maintenance_work_mem = 64MB
        random_page_cost = 1.1
        jit = off
        timezone = 'UTC'
        log_timezone = 'UTC'
        log_line_prefix = '%m [%p] '
        lc_messages = 'C'
        """;
}
