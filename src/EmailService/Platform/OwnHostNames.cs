using System.Collections.Frozen;

namespace EmailService.Platform;

/// <summary>The names that we give ourselves in EHLO. Registered by Egress, which knows its sources; asked by Route, which must not send mail
/// back to us.</summary>
public sealed class OwnHostNames(IEnumerable<string> names)
{
    private readonly FrozenSet<string> names = names.Select(n => n.TrimEnd('.')).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <param name="name">Without a trailing dot, in any case.</param>
    public bool Contains(string name) => names.Contains(name);
}
