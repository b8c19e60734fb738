using System.Text;
using System.Text.RegularExpressions;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Record;

/// <summary>Replies made from another project's patterns: each pattern written out as a text that it matches, one for each of its alternatives.</summary>
internal static partial class RulePatterns
{
    public static IEnumerable<(string Class, SmtpReply Reply, string Pattern)> Replies(string file)
    {
        var group = "";
        foreach (var line in File.ReadLines(file))
        {
            if (Heading().Match(line) is { Success: true } heading)
            {
                group = heading.Groups[1].Value;
            }
            else if (Item().Match(line) is { Success: true } item)
            {
                var pattern = item.Groups[1].Value.Replace(@"\\", @"\", StringComparison.Ordinal);
                foreach (var text in WriteOut(pattern))
                {
                    var reply = text.Length > 3 && text[..3].All(char.IsAsciiDigit) ? text : "550 " + text;
                    if (ReplyText.TryParse(reply, out var read))
                    {
                        yield return (group, read, pattern);
                    }
                }
            }
        }
    }

    /// <summary>For the few forms that these files use: ^ $ . .+ .* \d \d{n} \d+ [abc] (a|b) and literals.</summary>
    public static List<string> WriteOut(string pattern)
    {
        List<StringBuilder> texts = [new()];
        for (var i = 0; i < pattern.Length; i++)
        {
            string[] choices;
            switch (pattern[i])
            {
                case '^' or '$':
                    continue;
                case '.' when i + 1 < pattern.Length && pattern[i + 1] is '+' or '*':
                    choices = [" "];
                    i++;
                    break;
                case '[':
                    var close = pattern.IndexOf(']', i);
                    choices = [.. pattern[(i + 1)..close].Select(c => c.ToString())];
                    i = close;
                    break;
                case '(' when pattern.IndexOf(')', i) is var end && end > 0 && pattern[i..end].Contains('|', StringComparison.Ordinal):
                    choices = [.. pattern[(i + 1)..end].Split('|').SelectMany(WriteOut)];
                    i = end;
                    break;
                case '\\' when pattern[i + 1] == 'd':
                    i++;
                    choices = ["0"];
                    if (Times().Match(pattern, i + 1) is { Success: true } times && times.Index == i + 1)
                    {
                        choices = [new string('0', times.Groups[1].Success ? times.Groups[1].Value[0] - '0' : 1)];
                        i += times.Length;
                    }

                    break;
                case '\\':
                    choices = [pattern[++i].ToString()];
                    break;
                default:
                    choices = [pattern[i].ToString()];
                    break;
            }

            texts = [.. texts.SelectMany(text => choices.Select(choice => new StringBuilder(text.ToString()).Append(choice)))];
        }

        // "000" is no reply code: \d{3} stands for any.
        return [.. texts.Select(text => text.ToString()).Select(text => text.StartsWith("000", StringComparison.Ordinal) ? "550" + text[3..] : text)];
    }

    [GeneratedRegex(@"^(\w+) = \[")]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\s*""((?:[^""\\]|\\.)*)""")]
    private static partial Regex Item();

    [GeneratedRegex(@"\G(?:\{(\d)\}|\+)")]
    private static partial Regex Times();
}
