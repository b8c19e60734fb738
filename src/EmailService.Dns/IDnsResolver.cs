namespace EmailService.Dns;

/// <summary>Answers questions about names. The seam between the rest of the program and the network.</summary>
public interface IDnsResolver
{
    /// <summary>Asks for the records of one type at one name, following aliases.</summary>
    /// <param name="name">
    /// An absolute name in ASCII; a trailing dot and capitals make no difference. Internationalised names are given as A-labels.
    /// A name that DNS cannot carry (a label over 63 octets or empty, over 255 octets in all, not ASCII) is answered
    /// <see cref="DnsStatus.NoSuchDomain"/> without asking anyone: no such name can exist.
    /// </param>
    /// <param name="type">The type of record.</param>
    /// <param name="cancellationToken">Stops the caller's wait, not the query, which others may be waiting for.</param>
    /// <returns>The answer; completes at once when it is cached.</returns>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken);
}
