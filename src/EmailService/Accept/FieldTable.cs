using System.Text;
using System.Text.Json;

namespace EmailService.Accept;

/// <summary>The fields that an object may have. <see cref="SendApi.V1"/> refuses all others. <see cref="SendApi.SendGrid"/> passes over unknown ones,
/// since SendGrid's SDKs send retired ones; but a name that is nearly one of ours is a typo, and what it says would silently not be sent.</summary>
internal sealed class FieldTable(params string[] names)
{
    private const int MostUnknownShown = 10;

    public IReadOnlyList<string> Names => names;

    private readonly byte[][] utf8 = [.. names.Select(Encoding.UTF8.GetBytes)];

    /// <summary>The values by place in the table; those not given are <see cref="JsonValueKind.Undefined"/>.</summary>
    public JsonElement[] Read(JsonElement value, Problems problems, bool refuseTypos = false)
    {
        var slots = new JsonElement[utf8.Length];
        var unknown = 0;
        foreach (var property in value.EnumerateObject())
        {
            var place = Find(Json.Name(property));
            if (place >= 0)
            {
                if (slots[place].ValueKind != JsonValueKind.Undefined)
                {
                    problems.Add(Texts.GivenTwice, names[place]);
                }

                slots[place] = property.Value;
            }
            else if (unknown < MostUnknownShown && (refuseTypos || problems.Api == SendApi.V1))
            {
                unknown += Refuse(property, problems) ? 1 : 0;
            }
        }

        return slots;
    }

    /// <summary>Reports what is not in the table, for a reader that goes through the object by itself.</summary>
    public void RefuseUnknown(JsonElement value, Problems problems)
    {
        var unknown = 0;
        foreach (var property in value.EnumerateObject())
        {
            if (unknown < MostUnknownShown && Find(Json.Name(property)) < 0)
            {
                unknown += Refuse(property, problems) ? 1 : 0;
            }
        }
    }

    private bool Refuse(JsonProperty property, Problems problems)
    {
        var isText = Json.TryUnescapeName(property, out var name);
        if (problems.Api == SendApi.V1)
        {
            UnknownField.Report(isText ? name : "\uFFFD", this, SendRequestReader.Fields, problems);
            return true;
        }

        if (!isText || Near(name) is not { } meant)
        {
            return false;
        }

        problems.Add($"Unknown field {Problems.Show(name)}. Did you mean \"{meant}\"?", name);
        return true;
    }

    private int Find(ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < utf8.Length; i++)
        {
            if (name.SequenceEqual(utf8[i]))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The field of which the name may be a misspelling.</summary>
    public string? Near(string name)
    {
        string? nearest = null;
        var least = int.MaxValue;
        foreach (var candidate in names)
        {
            // Among words of two or three letters nearly all are two apart.
            var allowed = Math.Min(candidate.Length, name.Length) <= 3 ? 1 : 2;
            if (Math.Abs(candidate.Length - name.Length) > allowed)
            {
                continue;
            }

            var distance = EditDistance.Of(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (distance <= allowed && distance < least)
            {
                (nearest, least) = (candidate, distance);
            }
        }

        return nearest;
    }
}
