namespace EmailService.Compose;

/// <summary>An accepted message can't be composed. Accept's checks are to find all that could lead here, so it is a fault of ours, and of
/// this message alone: it waits for a version that can.</summary>
/// <param name="cause">What composing came to.</param>
public sealed class NotComposedException(Exception cause) : Exception($"the message can't be composed: {cause.Message}", cause);
