using System.Diagnostics;

namespace EmailService.Benchmarks;

/// <summary>Short programs that are run to their end.</summary>
internal static class Tool
{
    /// <summary>Its output, or null if it is not installed or failed.</summary>
    public static async Task<string?> TryReadAsync(string program, params string[] arguments)
    {
        try
        {
            var (code, output, _) = await RunAsync(program, arguments);
            return code == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    public static async Task RequireAsync(string program, params string[] arguments)
    {
        var (code, output, errors) = await RunAsync(program, arguments);
        if (code != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {code}: {output}{errors}");
        }
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await errors);
    }
}
