using System.Text;
using System.Xml.Linq;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Messages with odd or broken structure, and what Apache James makes of them.</summary>
public sealed class JamesMime4jTests
{
    // mime4j has two modes: a line that is no field is skipped, or begins the body. We skip it, unless it is the first of all.
    private static readonly HashSet<string> OtherMode = ["malformedHeaderStartsBody-nocrlfcrlf", "malformedHeader-noheader", "malformedHeaderStartsBody-noheader"];

    public static TheoryData<string> Names() =>
        [.. Directory.GetFiles(MimeData.Path("mime", "james-mime4j"), "*.msg").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Structure_and_decoded_bodies_agree(string name)
    {
        var entity = MimeParser.Parse(File.ReadAllBytes(MimeData.Path("mime", "james-mime4j", name + ".msg")));
        if (OtherMode.Contains(name))
        {
            return;
        }

        Compare(XDocument.Load(MimeData.Path("mime", "james-mime4j", name + "_decoded.xml")).Root!, entity);
    }

    [Fact]
    public void A_message_without_a_header_is_all_body()
    {
        var octets = File.ReadAllBytes(MimeData.Path("mime", "james-mime4j", "malformedHeader-noheader.msg"));
        var entity = MimeParser.Parse(octets);
        Assert.Empty(entity.Headers);
        Assert.Equal(octets, entity.Body.ToArray());
    }

    private static void Compare(XElement expected, MimeEntity actual)
    {
        Assert.Equal(
            expected.Element("header")!.Elements("field").Select(field => field.Value.TrimStart().Split(':')[0].TrimEnd()),
            actual.Headers.Select(field => field.Name));
        foreach (var child in expected.Elements().Where(child => child.Name != "header"))
        {
            switch (child.Name.LocalName)
            {
                case "multipart":
                    Assert.True(actual.IsMultipart);
                    var parts = child.Elements("body-part").ToList();
                    Assert.Equal(parts.Count, actual.Children.Count);
                    for (var i = 0; i < parts.Count; i++)
                    {
                        Compare(parts[i], actual.Children[i]);
                    }

                    // XML has no CR, and the file sets a line end before the text.
                    Assert.Equal(Lines(child.Element("preamble")?.Value), Lines(Encoding.Latin1.GetString(actual.Preamble.Span)));
                    Assert.Equal(Lines(child.Element("epilogue")?.Value), Lines(Encoding.Latin1.GetString(actual.Epilogue.Span)));
                    break;
                case "message":
                    Compare(child, Assert.Single(actual.Children));
                    break;
                default:
                    var bytes = File.ReadAllBytes(MimeData.Path("mime", "james-mime4j", child.Attribute("name")!.Value));
                    Assert.Equal(Lines(Encoding.Latin1.GetString(bytes)), Lines(Encoding.Latin1.GetString(actual.Body.Span)));
                    break;
            }
        }
    }

    private static string Lines(string? text) => (text ?? "").Replace("\r", "", StringComparison.Ordinal).Trim('\n');
}
