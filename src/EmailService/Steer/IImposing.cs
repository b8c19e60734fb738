namespace EmailService.Steer;

/// <summary>Where a reply rule's action becomes an overlay: <see cref="Steering"/>, or the simulator's own.</summary>
public interface IImposing
{
    /// <summary>Imposes what a rule asks for, or makes what it imposed before last longer. Null if there are too many overlays.</summary>
    /// <param name="wish">What.</param>
    /// <param name="rule">The rule's name.</param>
    /// <param name="reply">The host's reply, on one line.</param>
    /// <param name="startedAt">When the attempt began that the reply came to.</param>
    Task<Overlay?> ImposeAsync(OverlayWish wish, string rule, string reply, DateTimeOffset startedAt);
}
