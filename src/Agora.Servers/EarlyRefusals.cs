using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Agora.Cluster;
using Agora.Rest;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.WebUtilities;

namespace Agora.Servers;

/// <summary>
/// Kestrel refuses some requests, such as those with a malformed request line, before any code of ours runs, and
/// answers with a bare status. It raises an event just before. This observer then sends our problem instead and
/// discards what Kestrel writes.
/// </summary>
internal sealed class EarlyRefusals(LimitSettings limits) : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <summary>Makes the output of a listener's connections replaceable.</summary>
    public static void UseProblems(ListenOptions listen) =>
        listen.Use(next =>
            async connection =>
            {
                var transport = connection.Transport;
                var output = new ReplaceableOutput(transport.Output);
                connection.Features.Set(output);
                connection.Transport = new Duplex(transport.Input, output);
                try
                {
                    await next(connection);
                }
                finally
                {
                    connection.Transport = transport;
                }
            }
        );

    /// <summary>
    /// Observes Kestrel's events about bad requests and no others, so that good requests cost nothing.
    /// </summary>
    public static IDisposable Watch(DiagnosticListener kestrel, LimitSettings limits) =>
        kestrel.Subscribe(new EarlyRefusals(limits), (name, _, _) => name == BadRequest);

    public void OnNext(KeyValuePair<string, object?> value)
    {
        // A request that reached the pipeline is answered there.
        if (
            value is not { Key: BadRequest, Value: IFeatureCollection features }
            || features.Get<RequestScope>() is not null
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false }
            || features.Get<IBadRequestExceptionFeature>()?.Error
                is not Microsoft.AspNetCore.Http.BadHttpRequestException error
        )
        {
            return;
        }

        var isHead = features.Get<IHttpRequestFeature>()?.Method == HttpMethods.Head;
        features.Get<ReplaceableOutput>()?.Replace(Answer(Refusal.OfStatus(error.StatusCode, limits), isHead));
    }

    public void OnCompleted() { }

    public void OnError(Exception error) { }

    private static byte[] Answer(Refusal refusal, bool isHead)
    {
        var id = RequestScope.NewId();
        var body = JsonSerializer.SerializeToUtf8Bytes(refusal.ToProblem(id), AgoraJson.Readable.Problem);
        var head = string.Create(
                CultureInfo.InvariantCulture,
                $"""
                HTTP/1.1 {refusal.Status} {ReasonPhrases.GetReasonPhrase(refusal.Status)}
                Content-Type: {Problem.MediaType}
                Content-Length: {body.Length}
                Connection: close
                Date: {DateTimeOffset.UtcNow:R}
                Cache-Control: no-store
                X-Content-Type-Options: nosniff
                {RequestScope.Header}: {id}


                """
            )
            .ReplaceLineEndings("\r\n");
        return isHead ? Encoding.ASCII.GetBytes(head) : [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class ReplaceableOutput(PipeWriter connection) : PipeWriter
    {
        private byte[]? _discarded;

        public override bool CanGetUnflushedBytes => connection.CanGetUnflushedBytes;

        public override long UnflushedBytes => connection.UnflushedBytes;

        /// <summary>Writes an answer; what is written later is discarded.</summary>
        public void Replace(byte[] answer)
        {
            connection.Write(answer);
            _discarded = new byte[4096];
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) =>
            _discarded is null ? connection.GetMemory(sizeHint) : Discarded(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) =>
            _discarded is null ? connection.GetSpan(sizeHint) : Discarded(sizeHint);

        public override void Advance(int bytes)
        {
            if (_discarded is null)
            {
                connection.Advance(bytes);
            }
        }

        public override ValueTask<FlushResult> WriteAsync(
            ReadOnlyMemory<byte> source,
            CancellationToken cancellationToken = default
        ) =>
            _discarded is null
                ? connection.WriteAsync(source, cancellationToken)
                : connection.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            connection.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => connection.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => connection.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => connection.CompleteAsync(exception);

        private byte[] Discarded(int sizeHint) =>
            sizeHint <= _discarded!.Length ? _discarded : _discarded = new byte[sizeHint];
    }
}
