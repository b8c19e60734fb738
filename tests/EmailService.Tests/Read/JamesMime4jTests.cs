using System.Text;
using System.Xml.Linq;
using EmailService.Read;

namespace EmailService.Tests.Read;

/// <summary>Mails with odd or broken structure, and what Apache James makes of them.</summary>
public sealed class JamesMime4jTests
{
    // mime4j has two modes: a line that is no field is skipped, or begins the body. MimeKit skips it, unless it is the first of all.
    private static readonly HashSet<string> OtherMode = ["malformedHeaderStartsBody-nocrlfcrlf", "malformedHeader-noheader", "malformedHeaderStartsBody-noheader"];

    // A delimiter that MimeKit does not take for one, so that the mail is shown undivided: text follows it on its line (RFC 2046 §5.1.1 asks to
    // compare only the beginning of the line), or it ends with a space (which that section forbids).
    private static readonly HashSet<string> Undivided = ["ending-boundaries", "very-long-boundary", "very-very-long-boundary", "weird-boundary"];

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Data", "james-mime4j");

    public static TheoryData<string> Names() => [.. Directory.GetFiles(Folder, "*.msg").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Fields_and_parts_agree(string name)
    {
        var octets = File.ReadAllBytes(Path.Combine(Folder, name + ".msg"));
        var mail = ReceivedMail.Read(octets);
        if (Undivided.Contains(name))
        {
            Assert.EndsWith(Lines(octets[^50..]), Lines(Assert.Single(mail.Parts).Octets()), StringComparison.Ordinal);
        }
        else if (!OtherMode.Contains(name))
        {
            Compare(XDocument.Load(Path.Combine(Folder, name + "_decoded.xml")).Root!, mail);
        }
    }

    [Fact]
    public void A_mail_without_a_header_is_all_body()
    {
        var octets = File.ReadAllBytes(Path.Combine(Folder, "malformedHeader-noheader.msg"));
        var mail = ReceivedMail.Read(octets);

        Assert.Empty(mail.Fields);
        Assert.Equal(octets, Assert.Single(mail.Parts).Octets());
    }

    private static void Compare(XElement expected, ReceivedMail mail)
    {
        Assert.Equal(expected.Element("header")!.Elements("field").Select(field => field.Value.TrimStart().Split(':')[0].TrimEnd()), mail.Fields.Select(field => field.Name));
        var leaves = Leaves(expected).ToList();
        Assert.Equal(leaves.Count, mail.Parts.Count);
        foreach (var (leaf, part) in leaves.Zip(mail.Parts))
        {
            switch (leaf.Name.LocalName)
            {
                case "message":
                    Compare(leaf, ReceivedMail.Read(part.Octets()));
                    break;
                case "multipart":
                    // Of nothing but a preamble: it is shown, where James has no body for it.
                    Assert.StartsWith(Lines(leaf.Element("preamble")?.Value ?? ""), Lines(part.Octets()), StringComparison.Ordinal);
                    break;
                default:
                    Assert.Equal(Lines(File.ReadAllBytes(Path.Combine(Folder, leaf.Attribute("name")!.Value))), Lines(part.Octets()));
                    break;
            }
        }
    }

    private static IEnumerable<XElement> Leaves(XElement entity) => entity.Elements().Where(child => child.Name != "header").SelectMany(child =>
        child.Elements("body-part").Any() ? child.Elements("body-part").SelectMany(Leaves) : [child]);

    private static string Lines(byte[] octets) => Lines(Encoding.Latin1.GetString(octets));

    private static string Lines(string text) => text.Replace("\r", "", StringComparison.Ordinal).Trim('\n');
}
