namespace EmailService.Platform;

public static class RoleExtensions
{
    /// <summary>Whether this process has a role. Asked while the slices register what they run.</summary>
    public static bool Has(this WebApplicationBuilder builder, Role role) =>
        ((PlatformOptions)builder.Services.First(s => s.ServiceType == typeof(PlatformOptions)).ImplementationInstance!).Has(role);
}
