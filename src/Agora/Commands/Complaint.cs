using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Client;
using Agora.Launcher;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>
/// Tells what went wrong on standard error. For programs each error is one line: the problem as a server would describe
/// it, and beside it, where they matter, <c>idempotencyKey</c>, <c>outcomeUnknown</c>, <c>expectedTotal</c> and
/// <c>retryAfter</c> in seconds.
/// </summary>
internal sealed class Complaint(TextWriter error, bool isJson)
{
    /// <summary>The command line is wrong; nothing was sent.</summary>
    public const string InvalidCommand = "invalid-command";

    /// <summary>Ctrl-C.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>Something on this machine: a file, standard output, a process.</summary>
    public const string Local = "local-failure";

    public bool IsJson => isJson;

    /// <summary>A line for people.</summary>
    public void Line(string text) => error.WriteLine(Printable.Of(text));

    /// <summary>A failure that no server told of.</summary>
    public void Tell(string code, string detail)
    {
        if (isJson)
        {
            Json(new Problem { Code = code, Detail = detail });
            return;
        }
        foreach (var line in detail.Split('\n'))
        {
            Line(LogFiles.ComplaintPrefix + line.TrimEnd('\r'));
        }
    }

    /// <summary>What the marketplace or its client said.</summary>
    public void Tell(AgoraException e, decimal? expectedTotal = null)
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
            e.OutcomeUnknown || e.IsTransient ? e.IdempotencyKey : null, e.OutcomeUnknown, expectedTotal, e.RetryAfter);
    }

    /// <summary>A call that was stopped before it was answered.</summary>
    public void Tell(CallCanceledException e, decimal? expectedTotal = null)
    {
        var detail = e switch
        {
            { OutcomeUnknown: true } => "Stopped before the answer came: it may have happened all the same.",
            { IdempotencyKey: not null } => "Stopped before a server had it: nothing has happened.",
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
        Problem problem, string? key = null, bool outcomeUnknown = false, decimal? expectedTotal = null,
        TimeSpan? retryAfter = null)
    {
        var told = JsonSerializer.SerializeToNode(problem, AgoraJson.Readable.Problem)!.AsObject();
        if (key is not null)
        {
            told["idempotencyKey"] = key;
            told["outcomeUnknown"] = outcomeUnknown;
            if (expectedTotal is { } total)
            {
                told["expectedTotal"] = JsonNode.Parse(total.ToString("0.00", CultureInfo.InvariantCulture));
            }
        }
        if (retryAfter is { } wait)
        {
            told["retryAfter"] = (long)Math.Ceiling(wait.TotalSeconds);
        }
        error.WriteLine(told.ToJsonString(AgoraJson.Readable.Options));
    }
}
