namespace EmailService.Mime.Dkim;

/// <summary>Takes canonical octets: a digest, or a buffer.</summary>
internal interface IOctetSink
{
    void Append(ReadOnlySpan<byte> octets);
}
