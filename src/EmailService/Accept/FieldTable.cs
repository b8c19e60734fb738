using System.Text;
using System.Text.Json;

namespace EmailService.Accept;

/// <summary>The fields that an object may have. Unknown ones are passed over, since SendGrid's SDKs send retired
/// ones; but a name that is nearly one of ours is a typo, and what it says would silently not be sent.</summary>
internal sealed class FieldTable(params string[] names)
{
    private const int MostTyposShown = 10;

    private readonly byte[][] utf8 = [.. names.Select(Encoding.UTF8.GetBytes)];

    /// <summary>The values by place in the table; those not given are <see cref="JsonValueKind.Undefined"/>.</summary>
    public JsonElement[] Read(JsonElement value, Problems problems, bool refuseTypos = false)
    {
        var slots = new JsonElement[utf8.Length];
        var typos = 0;
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
            else if (refuseTypos && typos < MostTyposShown && Json.TryUnescapeName(property, out var name) && Near(name) is { } meant)
            {
                typos++;
                problems.Add($"Unknown field {Problems.Show(name)}. Did you mean \"{meant}\"?", name);
            }
        }

        return slots;
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

    private string? Near(string name)
    {
        string? nearest = null;
        var least = int.MaxValue;
        foreach (var candidate in names)
        {
            // Among words of two or three letters nearly all are two apart.
            var allowed = candidate.Length <= 3 ? 1 : 2;
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
