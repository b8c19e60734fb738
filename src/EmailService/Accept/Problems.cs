using System.Globalization;
using System.Text;
using EmailService.Platform.Http;

namespace EmailService.Accept;

/// <summary>Gathers what is wrong with a request, and knows where the reader is. The place is only
/// written out as text when something is wrong there, so a good request pays nothing for it.</summary>
internal sealed class Problems
{
    /// <summary>The most that one answer tells; who has more mistakes than that will come again.</summary>
    public const int Limit = 100;

    private const int LongestShown = 100;

    /// <summary>How the request came, and so how strict its reader is.</summary>
    public SendApi Api { get; init; }

    private readonly (string? Name, int Index)[] place = new (string?, int)[8];
    private int depth;
    private List<FieldError>? found;

    public bool None => found is null;

    /// <summary>Grows with each problem, also past the limit: a way to ask "was that part good?".</summary>
    public int Count { get; private set; }

    public IReadOnlyList<FieldError> Found => (IReadOnlyList<FieldError>?)found ?? [];

    public void Enter(string name) => place[depth++] = (name, 0);

    public void Enter(int index) => place[depth++] = (null, index);

    public void Leave() => depth--;

    /// <summary>Something is wrong here, or with a field of here.</summary>
    public void Add(string message, string? field = null, string? help = null)
    {
        Count++;
        found ??= [];
        if (found.Count < Limit)
        {
            found.Add(new FieldError(message, Path(field), help));
        }
    }

    /// <summary>Something is wrong at a place that is given whole; null when no field is to blame.</summary>
    public void AddAt(string? field, string message, string? help = null)
    {
        Count++;
        found ??= [];
        if (found.Count < Limit)
        {
            found.Add(new FieldError(message, field, help));
        }
    }

    /// <summary>What was found, fit to be shown: short, and without characters that a terminal obeys.</summary>
    public static string Show(string text)
    {
        var shown = new StringBuilder(Math.Min(text.Length, LongestShown) + 3).Append('"');
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, LongestShown)))
        {
            // Half a surrogate pair at the cut would not be a character either.
            shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c);
        }

        return shown.Append(text.Length > LongestShown ? "…\"" : "\"").ToString();
    }

    /// <summary>The present place as text; null at the top.</summary>
    public string? Here() => Path(null);

    private string? Path(string? field)
    {
        if (depth == 0)
        {
            return field;
        }

        var path = new StringBuilder();
        for (var i = 0; i < depth; i++)
        {
            path.Append(i > 0 ? "." : "");
            _ = place[i].Name is { } name ? path.Append(name) : path.Append(CultureInfo.InvariantCulture, $"{place[i].Index}");
        }

        return field is null ? path.ToString() : path.Append('.').Append(field).ToString();
    }
}
