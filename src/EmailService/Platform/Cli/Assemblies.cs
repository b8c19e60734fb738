using System.Reflection;

namespace EmailService.Platform;

/// <summary>The program's own files. To load one takes a file descriptor, and the runtime loads it when it is first needed: with none left, the first mail
/// would fail for want of a library. So all are loaded at the start, while there are some.</summary>
internal static class Assemblies
{
    /// <summary>Loads all that this program names, and all that these name.</summary>
    public static void LoadAll()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var waiting = new Queue<Assembly>([typeof(Assemblies).Assembly]);
        while (waiting.TryDequeue(out var assembly))
        {
            foreach (var name in assembly.GetReferencedAssemblies().Where(name => seen.Add(name.FullName)))
            {
                try
                {
                    waiting.Enqueue(Assembly.Load(name));
                }
                catch (Exception e) when (e is FileNotFoundException or FileLoadException or BadImageFormatException)
                {
                    // Named by a library for what this program does not use.
                }
            }
        }
    }
}
