using System.Text.Json;

namespace EmailService.Accept;

/// <summary>The subject of a request or of one of its messages.</summary>
internal static class SubjectReader
{
    // RFC 5322 §2.1.1 bounds a line at 998; a folded subject could be longer, but nobody would read it.
    private const int MostCharacters = 998;

    /// <summary>Null when there is none or when it is not good.</summary>
    public static string? Read(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, "subject", out var subject))
        {
            return null;
        }

        if (subject.Length == 0)
        {
            problems.Add(Texts.SubjectEmpty, "subject");
            return null;
        }

        if (WhatIsWrong(subject) is { } problem)
        {
            problems.Add(problem, "subject");
            return null;
        }

        return subject;
    }

    /// <summary>Null when a header can hold it.</summary>
    public static string? WhatIsWrong(string subject) =>
        subject.Length > MostCharacters ? $"The subject has {subject.Length} characters; {MostCharacters} is the most."
        : HeaderRules.HasControl(subject) ? Texts.LineBreak
        : null;
}
