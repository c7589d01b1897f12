using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Client;
using Agora.Launcher;
using Agora.Rest;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>
/// Writes errors to standard error. For programs each error is one line of JSON: the problem as a server would describe
/// it, and where they apply <c>idempotencyKey</c>, <c>outcomeUnknown</c>, <c>expectedTotal</c> and <c>retryAfter</c> in
/// seconds.
/// </summary>
internal sealed class ErrorWriter(TextWriter error, bool isJson)
{
    /// <summary>The command line is wrong; nothing was sent.</summary>
    public const string InvalidCommand = "invalid-command";

    /// <summary>Ctrl-C.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>Something on this machine: a file, standard output, a process.</summary>
    public const string Local = "local-failure";

    public bool IsJson => isJson;

    /// <summary>Writes a line for people.</summary>
    public void Line(string text) => error.WriteLine(Printable.Of(text));

    /// <summary>Writes a failure that no server reported.</summary>
    public void Write(string code, string detail)
    {
        if (isJson)
        {
            Json(new Problem { Code = code, Detail = detail });
            return;
        }

        foreach (var line in detail.Split('\n'))
        {
            Line(LogFiles.ErrorPrefix + line.TrimEnd('\r'));
        }
    }

    /// <summary>Writes a failure that the marketplace or its client reported.</summary>
    public void Write(AgoraException e, decimal? expectedTotal = null)
    {
        if (!isJson)
        {
            Line($"{e.Code}: {e.Detail}");
            return;
        }

        Json(
            new Problem
            {
                Status = e.Status,
                Code = e.Code,
                Detail = e.Detail,
                Errors = e.Errors.Count > 0 ? e.Errors : null,
                Lines = e.Lines.Count > 0 ? e.Lines : null,
                Total = e.Total,
                RequestId = e.RequestId,
            },
            e.OutcomeUnknown || e.IsTransient ? e.IdempotencyKey : null,
            e.OutcomeUnknown,
            expectedTotal,
            e.RetryAfter
        );
    }

    /// <summary>Writes that a call was stopped before its answer came.</summary>
    public void Write(CallCanceledException e, decimal? expectedTotal = null)
    {
        var detail = e switch
        {
            { OutcomeUnknown: true } => "Stopped before the answer came: it may have happened all the same.",
            { IdempotencyKey: not null } => "Stopped before a server received it: nothing has happened.",
            _ => "Stopped.",
        };
        if (isJson)
        {
            Problem problem = new() { Code = Interrupted, Detail = detail };
            Json(problem, e.IdempotencyKey, e.OutcomeUnknown, expectedTotal);
        }
        else
        {
            Line(detail);
        }
    }

    private void Json(
        Problem problem,
        string? key = null,
        bool outcomeUnknown = false,
        decimal? expectedTotal = null,
        TimeSpan? retryAfter = null
    )
    {
        var node = JsonSerializer.SerializeToNode(problem, AgoraJson.Readable.Problem)!.AsObject();
        if (key is not null)
        {
            node["idempotencyKey"] = key;
            node["outcomeUnknown"] = outcomeUnknown;
            if (expectedTotal is { } total)
            {
                node["expectedTotal"] = JsonNode.Parse(total.ToString("0.00", CultureInfo.InvariantCulture));
            }
        }

        if (retryAfter is { } wait)
        {
            node["retryAfter"] = (long)Math.Ceiling(wait.TotalSeconds);
        }

        error.WriteLine(node.ToJsonString(AgoraJson.Readable.Options));
    }
}
