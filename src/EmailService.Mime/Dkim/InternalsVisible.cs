using System.Runtime.CompilerServices;

// The published vectors of RFC 6376 §3.4 are about canonical forms and tag lists, which no caller needs to see.
[assembly: InternalsVisibleTo("Protocol.Tests")]
