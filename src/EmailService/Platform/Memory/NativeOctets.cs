using System.Buffers;
using System.Runtime.InteropServices;

namespace EmailService.Platform;

/// <summary>A large buffer outside the collector's heap. What was not written to costs no memory, so the whole of it can be reserved and
/// nothing is copied as it fills; and all of it goes back to the system at the moment it is disposed of.</summary>
/// <remarks>For what is made and done with within one step. Pieces of tens of MB on the collector's heap, or in its pools, stay with the process
/// long after. Nothing may point into it when it is disposed of.</remarks>
internal sealed partial class NativeOctets : MemoryManager<byte>
{
    private const int ReadAndWrite = 1 | 2;

    // MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, as Linux counts them on all of its processors that .NET runs on. mmap(2)
    private const int PrivateUnreserved = 0x2 | 0x20 | 0x4000;

    private readonly int length;
    private nint address;

    private NativeOctets(nint address, int length) => (this.address, this.length) = (address, length);

    /// <exception cref="InsufficientMemoryException">The system gives none.</exception>
    public static unsafe NativeOctets Reserve(int length)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new NativeOctets((nint)NativeMemory.Alloc((nuint)length), length);
        }

        var address = Map(0, (nuint)length, ReadAndWrite, PrivateUnreserved, -1, 0);
        return address != -1 ? new NativeOctets(address, length) : throw new InsufficientMemoryException($"no {length} octets of memory could be reserved");
    }

    public override unsafe Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(address == 0, this);
        return new Span<byte>((void*)address, length);
    }

    // It does not move.
    public override unsafe MemoryHandle Pin(int elementIndex = 0) => new((byte*)address + elementIndex);

    public override void Unpin()
    {
    }

    protected override unsafe void Dispose(bool disposing)
    {
        var mapped = Interlocked.Exchange(ref address, 0);
        if (mapped == 0)
        {
            return;
        }

        if (OperatingSystem.IsLinux())
        {
            _ = Unmap(mapped, (nuint)length);
        }
        else
        {
            NativeMemory.Free((void*)mapped);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(nint address, nuint length);
}
