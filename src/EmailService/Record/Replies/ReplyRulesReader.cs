using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Platform;

namespace EmailService.Record;

/// <summary>Reads files of reply rules: JSON with comments. All mistakes of a file are told at once, each with the rule it is in
/// and what to change.</summary>
public sealed class ReplyRulesReader
{
    private const int MostRules = 2000;
    private const int MostTextCharacters = 1000;
    private static readonly TimeSpan LongestMatch = TimeSpan.FromMilliseconds(100);
    private static readonly string[] FileKeys = ["version", "reasons", "rules"];
    private static readonly string[] ReasonKeys = ["class", "kind", "broad", "suppress"];
    private static readonly string[] RuleKeys = ["name", "reason", "code", "status", "text", "action"];
    private static readonly string[] ActionKeys = ["do", "for", "factor", "trigger"];
    private static readonly string[] TriggerKeys = ["count", "within"];

    private readonly string _file;
    private readonly Dictionary<string, ReplyReason> _reasons;
    private readonly List<ReplyRule> _rules = [];
    private readonly List<string> _problems = [];

    private ReplyRulesReader(string file, ReplyRules? behind)
    {
        _file = file;
        _reasons = (behind?.Rules ?? []).Select(rule => rule.Reason).DistinctBy(reason => reason.Name).ToDictionary(reason => reason.Name);
    }

    /// <param name="json">The file's octets, UTF-8.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="behind">Rules to ask when none of the file's matches, whose reasons the file may use.</param>
    /// <exception cref="OperatorException">The file has mistakes; the message lists all of them.</exception>
    public static ReplyRules Read(ReadOnlyMemory<byte> json, string file, ReplyRules? behind)
    {
        var reader = new ReplyRulesReader(file, behind);
        var rules = reader.Read(json, behind);
        return reader._problems.Count == 0
            ? rules
            : throw new OperatorException($"The reply rules have {reader._problems.Count} problem{(reader._problems.Count == 1 ? "" : "s")}:\n  "
                + string.Join("\n  ", reader._problems)) { Exit = ExitCode.Configuration };
    }

    /// <summary>The operator's rules in front of the shipped ones, or these alone when there is no file.</summary>
    /// <exception cref="OperatorException">The file cannot be read or has mistakes.</exception>
    public static ReplyRules Load(string? path)
    {
        if (path is null)
        {
            return ReplyRules.Shipped;
        }

        try
        {
            return Read(File.ReadAllBytes(path), path, ReplyRules.Shipped);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{path}: the file of reply rules cannot be read: {e.Message} Set EmailService:Record:ReplyRules to a file that can be, or leave it out.", e) { Exit = ExitCode.Configuration };
        }
    }

    private ReplyRules Read(ReadOnlyMemory<byte> json, ReplyRules? behind)
    {
        var version = "";
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false, MaxDepth = 8,
            });
            version = ReadFile(document.RootElement);
        }
        catch (JsonException e)
        {
            Problem("", $"{e.Message.TrimEnd('.')} (lines and octets count from 0). Make it JSON; comments and trailing commas are allowed.");
        }

        return behind is null
            ? new ReplyRules(version, _rules)
            : new ReplyRules($"{version} before {behind.Version}", [.. _rules, .. behind.Rules]);
    }

    private string ReadFile(JsonElement root)
    {
        if (!IsObject(root, "", FileKeys))
        {
            return "";
        }

        var version = Text(root, "version", "", required: true);
        if (root.TryGetProperty("reasons", out var reasons) && (reasons.ValueKind == JsonValueKind.Object || Wrong("", "reasons", "an object", reasons)))
        {
            foreach (var reason in reasons.EnumerateObject())
            {
                ReadReason(reason.Name, reason.Value);
            }
        }

        if (!root.TryGetProperty("rules", out var rules))
        {
            Problem("", "\"rules\" is missing; give a list of rules, [] for none.");
        }
        else if (rules.ValueKind == JsonValueKind.Array || Wrong("", "rules", "a list", rules))
        {
            if (rules.GetArrayLength() > MostRules)
            {
                Problem("", $"found {rules.GetArrayLength()} rules; at most {MostRules} are allowed.");
                return version ?? "";
            }

            var names = new HashSet<string>(StringComparer.Ordinal);
            var number = 0;
            foreach (var rule in rules.EnumerateArray())
            {
                ReadRule(rule, ++number, names);
            }
        }

        return version ?? "";
    }

    private void ReadReason(string name, JsonElement element)
    {
        var where = $"reason \"{name}\"";
        if (!IsObject(element, where, ReasonKeys))
        {
            return;
        }

        var known = _problems.Count;
        var group = OneOf(element, "class", where, ReplyReason.Classes, value => value);
        var kind = OneOf(element, "kind", where, Enum.GetValues<BounceKind>(), ReplyNames.ToName);
        var broad = OneOf(element, "broad", where, Enum.GetValues<BroadClass>(), ReplyNames.ToName);
        var suppress = element.TryGetProperty("suppress", out var value)
            && (value.ValueKind is JsonValueKind.True or JsonValueKind.False || Wrong(where, "suppress", "true or false", value)) && value.GetBoolean();
        if (suppress && (group != ReplyReason.InvalidAddress || kind != BounceKind.Hard || broad != BroadClass.Recipient))
        {
            Problem(where, $"\"suppress\": true needs class \"{ReplyReason.InvalidAddress}\", kind \"hard\" and broad \"recipient\": only an address that takes no mail is suppressed.");
        }

        if (_problems.Count == known)
        {
            _reasons[name] = new ReplyReason(name, group!, kind, broad, suppress);
        }
    }

    private void ReadRule(JsonElement element, int number, HashSet<string> names)
    {
        var name = element.ValueKind == JsonValueKind.Object && element.TryGetProperty("name", out var given) && given.ValueKind == JsonValueKind.String ? given.GetString()! : "";
        var where = name.Length == 0 ? $"rule {number}" : $"rule {number} \"{name}\"";
        if (!IsObject(element, where, RuleKeys))
        {
            return;
        }

        var known = _problems.Count;
        if (name.Length == 0)
        {
            Problem(where, "\"name\" is missing; give each rule a name of its own.");
        }
        else if (!names.Add(name))
        {
            Problem(where, "another rule has this name; rename one.");
        }

        ReplyReason? reason = null;
        if (Text(element, "reason", where, required: true) is { } reasonName && !_reasons.TryGetValue(reasonName, out reason))
        {
            Problem(where, $"no reason \"{reasonName}\"; {Near(reasonName, _reasons.Keys)}, or add it under \"reasons\".");
        }

        var codes = Patterns<CodePattern>(element, "code", where, CodePattern.TryParse, "a reply code such as \"550\", \"45x\" or \"5xx\"");
        var statuses = Patterns<StatusPattern>(element, "status", where, StatusPattern.TryParse, "an enhanced code such as \"5.1.1\", \"x.2.2\", \"5.7.x\" or \"x.7.20-26\", or \"none\"");
        var texts = Texts(element, where);
        var action = element.TryGetProperty("action", out var actionElement) ? ReadAction(actionElement, where) : null;
        if (_problems.Count == known && codes.Count + statuses.Count + texts.Count == 0)
        {
            Problem(where, "it would take every reply; give it a \"code\", a \"status\" or a \"text\".");
        }

        if (_problems.Count == known)
        {
            _rules.Add(new ReplyRule(name, reason!, codes, statuses, texts, action));
        }
    }

    private ReplyAction? ReadAction(JsonElement element, string where)
    {
        where += ", action";
        if (!IsObject(element, where, ActionKeys))
        {
            return null;
        }

        var kind = OneOf(element, "do", where, Enum.GetValues<ReplyActionKind>(), ReplyNames.ToName);
        var isBounce = kind == ReplyActionKind.Bounce;
        var time = Duration(element, "for", where, required: !isBounce);
        if (isBounce && element.TryGetProperty("for", out _))
        {
            Problem(where, "\"bounce\" ends at once and takes no \"for\"; remove it.");
        }

        var factor = 1.0;
        if (element.TryGetProperty("factor", out var number))
        {
            if (kind != ReplyActionKind.LowerRate)
            {
                Problem(where, "\"factor\" belongs to \"lower-rate\"; remove it.");
            }
            else if (number.ValueKind != JsonValueKind.Number || !number.TryGetDouble(out factor) || factor is not (> 0 and < 1))
            {
                Problem(where, $"\"factor\": found {number.GetRawText()}, expected a number above 0 and below 1.");
            }
        }
        else if (kind == ReplyActionKind.LowerRate)
        {
            Problem(where, "\"factor\" is missing; give the share of the rate that remains, such as 0.5.");
        }

        var count = 1;
        var within = TimeSpan.Zero;
        if (element.TryGetProperty("trigger", out var trigger) && IsObject(trigger, where + ", trigger", TriggerKeys))
        {
            if (!trigger.TryGetProperty("count", out var times) || times.ValueKind != JsonValueKind.Number || !times.TryGetInt32(out count) || count is < 1 or > 1000)
            {
                Problem(where + ", trigger", "\"count\": expected a whole number from 1 to 1000.");
            }

            within = Duration(trigger, "within", where + ", trigger", required: true);
        }

        return new ReplyAction(kind, time, factor, count, within);
    }

    private delegate bool TryParse<T>(string text, out T pattern);

    private List<T> Patterns<T>(JsonElement element, string key, string where, TryParse<T> tryParse, string expected)
    {
        var patterns = new List<T>();
        foreach (var text in Strings(element, key, where))
        {
            if (tryParse(text, out var pattern))
            {
                patterns.Add(pattern);
            }
            else
            {
                Problem(where, $"\"{key}\": found \"{text}\", expected {expected}.");
            }
        }

        return patterns;
    }

    private List<Regex> Texts(JsonElement element, string where)
    {
        var texts = new List<Regex>();
        foreach (var text in Strings(element, "text", where))
        {
            if (text.Length is 0 or > MostTextCharacters)
            {
                Problem(where, $"\"text\": found {text.Length} characters, expected 1 to {MostTextCharacters}.");
                continue;
            }

            try
            {
                // Replies come from strangers, so each match has a limit. NonBacktracking would need none, but these
                // rules then took 370 MB and three seconds for the first reply that only the last of them knows.
                texts.Add(new Regex(text, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, LongestMatch));
            }
            catch (ArgumentException e)
            {
                Problem(where, $"\"text\": \"{text}\" is no pattern that can be used: {e.Message}");
            }
        }

        return texts;
    }

    private List<string> Strings(JsonElement element, string key, string where)
    {
        if (!element.TryGetProperty(key, out var value))
        {
            return [];
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return [value.GetString()!];
        }

        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
        {
            return [.. value.EnumerateArray().Select(item => item.GetString()!)];
        }

        Wrong(where, key, "a text or a list of texts", value);
        return [];
    }

    private string? Text(JsonElement element, string key, string where, bool required)
    {
        if (!element.TryGetProperty(key, out var value))
        {
            if (required)
            {
                Problem(where, $"\"{key}\" is missing.");
            }

            return null;
        }

        return value.ValueKind == JsonValueKind.String || Wrong(where, key, "a text", value) ? value.GetString() : null;
    }

    private T? OneOf<T>(JsonElement element, string key, string where, IReadOnlyList<T> values, Func<T, string> name)
    {
        if (Text(element, key, where, required: true) is not { } text)
        {
            return default;
        }

        foreach (var value in values)
        {
            if (name(value) == text)
            {
                return value;
            }
        }

        Problem(where, $"\"{key}\": found \"{text}\", expected one of {string.Join(", ", values.Select(name))}.");
        return default;
    }

    private TimeSpan Duration(JsonElement element, string key, string where, bool required)
    {
        if (Text(element, key, where, required) is not { } text)
        {
            return TimeSpan.Zero;
        }

        if (OptionValue.TryRead(text, typeof(TimeSpan), out var value, out _) && value is TimeSpan time && time > TimeSpan.Zero && time <= ReplyAction.Longest)
        {
            return time;
        }

        Problem(where, $"\"{key}\": found \"{text}\", expected a duration above zero and up to {ReplyAction.Longest.TotalDays:0}d, such as 30s, 10m or 4h.");
        return TimeSpan.Zero;
    }

    private bool IsObject(JsonElement element, string where, string[] keys)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            Problem(where, $"found {Shown(element)}, expected an object.");
            return false;
        }

        foreach (var property in element.EnumerateObject().Where(property => !keys.Contains(property.Name)))
        {
            Problem(where, $"unknown key \"{property.Name}\"; {Near(property.Name, keys)}.");
        }

        return true;
    }

    private static string Near(string found, IEnumerable<string> known)
    {
        var names = known.ToList();
        var near = names.MinBy(name => Spelling.Distance(name, found));
        return near is not null && Spelling.Distance(near, found) <= Math.Max(2, found.Length / 4)
            ? $"did you mean \"{near}\"?"
            : $"known here: {string.Join(", ", names)}";
    }

    private bool Wrong(string where, string key, string expected, JsonElement found)
    {
        Problem(where, $"\"{key}\": found {Shown(found)}, expected {expected}.");
        return false;
    }

    private static string Shown(JsonElement element) =>
        element.GetRawText() is { Length: <= 60 } text ? text : element.ValueKind.ToString();

    private void Problem(string where, string text) => _problems.Add(where.Length == 0 ? $"{_file}: {text}" : $"{_file}: {where}: {text}");
}
