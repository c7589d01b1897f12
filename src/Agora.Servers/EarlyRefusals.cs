using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Agora.Client;
using Agora.Contracts.Cluster;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.WebUtilities;

namespace Agora.Servers;

/// <summary>
/// What Kestrel refuses before any code of ours, such as a request line that is none, it refuses with a bare status. It says so just before; from then on
/// the connection sends our problem instead of what Kestrel writes, which is that status and then the end.
/// </summary>
internal sealed class EarlyRefusals(LimitSettings limits) : IObserver<KeyValuePair<string, object?>>
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    /// <summary>Lets the connections of a listener be answered for.</summary>
    public static void On(ListenOptions listen) => listen.Use(next => async connection =>
    {
        var transport = connection.Transport;
        var output = new Output(transport.Output);
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
    });

    /// <summary>Listens to what Kestrel says of bad requests, and to nothing else: nothing is to be made for good ones.</summary>
    public static IDisposable Watch(DiagnosticListener kestrel, LimitSettings limits) =>
        kestrel.Subscribe(new EarlyRefusals(limits), (name, _, _) => name == BadRequest);

    public void OnNext(KeyValuePair<string, object?> value)
    {
        // A request that has come to the pipeline is answered there.
        if (value is not { Key: BadRequest, Value: IFeatureCollection features } || features.Get<RequestScope>() is not null
            || features.Get<IHttpResponseFeature>() is not { HasStarted: false }
            || features.Get<IBadRequestExceptionFeature>()?.Error is not Microsoft.AspNetCore.Http.BadHttpRequestException error)
        {
            return;
        }
        var isHead = features.Get<IHttpRequestFeature>()?.Method == HttpMethods.Head;
        features.Get<Output>()?.Replace(Answer(Refusal.OfStatus(error.StatusCode, limits), isHead));
    }

    public void OnCompleted() { }

    public void OnError(Exception error) { }

    private static byte[] Answer(Refusal refusal, bool isHead)
    {
        var id = RequestScope.NewId();
        var body = JsonSerializer.SerializeToUtf8Bytes(refusal.ToProblem(id), AgoraJson.Readable.Problem);
        var head = string.Create(CultureInfo.InvariantCulture, $"""
            HTTP/1.1 {refusal.Status} {ReasonPhrases.GetReasonPhrase(refusal.Status)}
            Content-Type: {Problem.MediaType}
            Content-Length: {body.Length}
            Connection: close
            Date: {DateTimeOffset.UtcNow:R}
            Cache-Control: no-store
            X-Content-Type-Options: nosniff
            {RequestScope.Header}: {id}


            """).ReplaceLineEndings("\r\n");
        return isHead ? Encoding.ASCII.GetBytes(head) : [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Output(PipeWriter connection) : PipeWriter
    {
        private byte[]? _swallowed;

        public override bool CanGetUnflushedBytes => connection.CanGetUnflushedBytes;

        public override long UnflushedBytes => connection.UnflushedBytes;

        /// <summary>Writes an answer; what is written later goes nowhere.</summary>
        public void Replace(byte[] answer)
        {
            connection.Write(answer);
            _swallowed = new byte[4096];
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _swallowed is null ? connection.GetMemory(sizeHint) : Nowhere(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _swallowed is null ? connection.GetSpan(sizeHint) : Nowhere(sizeHint);

        public override void Advance(int bytes)
        {
            if (_swallowed is null)
            {
                connection.Advance(bytes);
            }
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
            _swallowed is null ? connection.WriteAsync(source, cancellationToken) : connection.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => connection.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => connection.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => connection.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => connection.CompleteAsync(exception);

        private byte[] Nowhere(int sizeHint) => sizeHint <= _swallowed!.Length ? _swallowed : _swallowed = new byte[sizeHint];
    }
}
