namespace EmailService.Platform;

/// <summary>Whether mail goes to the recipients' mail hosts, or to the built-in catch-all host (the default).
/// Registered by Route, which reads the setting; asked by those who must know and may not name Route.</summary>
public sealed record DeliveryMode(bool Live);
