using MimeKit;

namespace EmailService.Read;

/// <summary>Goes through a mail once and notes where its parts are, within bounds: strangers may have written it. What is beyond
/// them makes no object and is passed over at the speed of a search.</summary>
internal sealed class MailScanner : MimeReader
{
    public static readonly ParserOptions Reading = new() { MaxMimeDepth = ReceivedMail.MostDepth };

    private readonly ReadOnlyMemory<byte> octets;
    private readonly MailOctets source;
    private readonly Stack<(ReceivedPart? Part, int PartsBefore)> multiparts = [];
    private List<Header> fields = [];
    private ReceivedPart? open;
    private int mailsInside;
    private int entities;

    public MailScanner(ReadOnlyMemory<byte> octets)
        : this(octets, new MailOctets(octets))
    {
    }

    private MailScanner(ReadOnlyMemory<byte> octets, MailOctets source)
        : base(Reading, source, MimeFormat.Entity) => (this.octets, this.source) = (octets, source);

    /// <summary>Whether nothing is read of what comes after the mail's own header.</summary>
    public bool ReadsHeaderOnly { get; init; }

    /// <summary>The fields of the mail's own header.</summary>
    public List<Header> Fields { get; private set; } = [];

    public List<ReceivedPart> Parts { get; } = [];

    /// <summary>To be called once, after reading: a mail has one part at least, and the last one has what was not divided.</summary>
    public void Complete()
    {
        if (entities == 0)
        {
            // All is body where there is no header (and nothing where the header never ends).
            Fields = fields;
            Parts.Add(new ReceivedPart(new ContentType("text", "plain"), []).At(octets, Fields.Count == 0 ? 0 : octets.Length, octets.Length));
        }
        else if (entities > ReceivedMail.MostParts && Parts is [.., var last])
        {
            last.ReachToTheEnd();
        }
    }

    protected override void OnHeadersBegin(long beginOffset, int beginLineNumber, CancellationToken cancellationToken)
    {
        fields = [];
        source.HeaderBegins();
    }

    protected override void OnHeaderRead(Header header, int beginLineNumber, CancellationToken cancellationToken)
    {
        source.FieldEnds();
        if (IsField(header) && fields.Count < ReceivedMail.MostFields)
        {
            fields.Add(header);
        }
    }

    protected override void OnHeadersEnd(long beginOffset, int beginLineNumber, long endOffset, int endLineNumber, CancellationToken cancellationToken)
    {
        source.HeaderEnds();
        Fields = entities == 0 ? fields : Fields;
        if (ReadsHeaderOnly)
        {
            source.End();
        }
    }

    protected override void OnMultipartBegin(ContentType contentType, long beginOffset, int beginLineNumber, CancellationToken cancellationToken)
    {
        var part = IsCounted() ? NewPart(contentType) : null;
        if (mailsInside == 0)
        {
            multiparts.Push((part, Parts.Count));
        }
    }

    protected override void OnMultipartEnd(
        ContentType contentType, long beginOffset, int beginLineNumber, long headersEndOffset, long endOffset, int lines, CancellationToken cancellationToken)
    {
        // A multipart without parts, or without the boundary that would tell them apart, is shown as the one part that it is.
        if (mailsInside == 0 && multiparts.Pop() is var (part, partsBefore) && part is not null && partsBefore == Parts.Count)
        {
            Parts.Add(part.At(octets, source.Place(headersEndOffset), source.Place(endOffset)));
        }
    }

    protected override void OnMessagePartBegin(ContentType contentType, long beginOffset, int beginLineNumber, CancellationToken cancellationToken)
    {
        if (IsCounted())
        {
            open = NewPart(contentType);
        }

        mailsInside++;
    }

    protected override void OnMessagePartEnd(
        ContentType contentType, long beginOffset, int beginLineNumber, long headersEndOffset, long endOffset, int lines, CancellationToken cancellationToken)
    {
        mailsInside--;
        Close(headersEndOffset, endOffset);
    }

    protected override void OnMimePartBegin(ContentType contentType, long beginOffset, int beginLineNumber, CancellationToken cancellationToken)
    {
        if (IsCounted())
        {
            open = NewPart(contentType);
        }
    }

    protected override void OnMimePartContentEnd(
        long beginOffset, int beginLineNumber, long endOffset, int lines, NewLineFormat? newLineFormat, CancellationToken cancellationToken) =>
        Close(beginOffset, endOffset);

    // A line without a colon comes as a field that has all of it for its name.
    private static bool IsField(Header header) => header.RawValue.Length > 0 && header.Field.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0;

    private void Close(long begin, long end)
    {
        if (mailsInside == 0 && open is not null)
        {
            Parts.Add(open.At(octets, source.Place(begin), source.Place(end)));
            open = null;
        }
    }

    /// <summary>Whether what begins here is to be noted. All are counted, those inside of mails too: each takes time.</summary>
    private bool IsCounted()
    {
        if (++entities > ReceivedMail.MostParts)
        {
            source.End();
        }

        return entities <= ReceivedMail.MostParts && mailsInside == 0;
    }

    /// <summary>A part whose header was just read.</summary>
    private ReceivedPart NewPart(ContentType type)
    {
        // RFC 2045 §5.2: what is no content type means text/plain. The library takes it for application/octet-stream.
        var given = fields.Find(field => field.Id == HeaderId.ContentType);
        var isNone = given is not null && !ContentType.TryParse(Reading, given.RawValue, out var read) && read is null;
        return new ReceivedPart(isNone ? new ContentType("text", "plain") : type, fields);
    }
}
