namespace EmailService.Platform;

/// <summary>Whether mail goes to the recipients' mail hosts, or to the built-in catch-all host (the default).
/// Registered by Route, which reads the setting; asked by those who must know and may not name Route.</summary>
/// <param name="Live">It goes to mail hosts.</param>
/// <param name="Relay">The host that takes all mail instead of them, or null: then the world sees its address and not ours.</param>
public sealed record DeliveryMode(bool Live, string? Relay = null);
