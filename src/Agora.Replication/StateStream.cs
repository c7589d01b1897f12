using System.Globalization;
using Agora.Contracts.Replication;
using Google.Protobuf;
using Grpc.Core;

namespace Agora.Replication;

/// <summary>A state on its way from one replica to another: a header, the file in parts, and its digest.</summary>
internal static class StateStream
{
    private const int PartSize = 256 << 10;

    /// <summary>Sends a snapshot. The digest is computed over the file that is sent, beside the sending.</summary>
    public static async Task SendAsync(
        StateSnapshot snapshot,
        IServerStreamWriter<StatePart> stream,
        CancellationToken cancellationToken
    )
    {
        var path = snapshot.File.Name;
        var digest = Task.Run(() => ReplicatedStore.DigestOf(path), cancellationToken);
        try
        {
            StateHeader header = new()
            {
                Position = snapshot.Position,
                Length = snapshot.File.Length,
                Member = ByteString.CopyFrom(snapshot.Member.Span),
            };
            header.Terms.AddRange(snapshot.Terms.Select(t => new TermRun { First = t.First, Term = t.Term }));
            await stream.WriteAsync(new StatePart { Header = header }, cancellationToken);
            var buffer = new byte[PartSize];
            for (int read; (read = await snapshot.File.ReadAsync(buffer, cancellationToken)) > 0; )
            {
                await stream.WriteAsync(
                    new StatePart { Content = ByteString.CopyFrom(buffer, 0, read) },
                    cancellationToken
                );
            }
        }
        finally
        {
            // The file is gone with the snapshot.
            await ((Task)digest).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await stream.WriteAsync(new StatePart { Digest = (await digest).Sha256 }, cancellationToken);
    }

    /// <summary>
    /// Writes what another replica sends to a file; returns its header, and the digest that it names.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="replica">The replica that sends.</param>
    /// <param name="atLeast">The position that was asked for.</param>
    /// <param name="path">The file.</param>
    /// <param name="progress">Gets how many bytes have come, and of how many.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RpcException">The replica does not answer, or not to the end.</exception>
    public static async Task<(StateHeader Header, string Digest)> ReceiveAsync(
        AsyncServerStreamingCall<StatePart> call,
        int replica,
        long atLeast,
        string path,
        Action<long, long> progress,
        CancellationToken cancellationToken
    )
    {
        StateHeader? header = null;
        var digest = "";
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
        await foreach (var part in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            header ??= part.Header;
            digest = part.Digest;
            await file.WriteAsync(part.Content.Memory, cancellationToken);
            progress(file.Position, header?.Length ?? 0);
        }

        return header is not null && header.Length == file.Length && header.Position >= atLeast
            ? (header, digest)
            : throw new RpcException(
                new Status(
                    StatusCode.DataLoss,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Replica {replica} sent {file.Length} bytes of a state of {header?.Length}."
                    )
                )
            );
    }
}
