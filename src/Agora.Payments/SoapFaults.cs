using System.ServiceModel;
using Agora.Contracts.Payments;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Payments;

/// <summary>
/// What a caller is told when a request fails: what to change, or that the service is at fault; never how it looks
/// inside.
/// </summary>
internal sealed class SoapFaults(ILogger<SoapFaults> logger, IHostApplicationLifetime lifetime)
{
    /// <summary>The request is wrong, in its form or in what it asks.</summary>
    public static FaultException Client(string reason) => Of("Client", reason);

    /// <summary>A header says that it must be understood, and it is not: nothing has been done.</summary>
    public static FaultException MustUnderstand(string reason) => Of("MustUnderstand", reason);

    /// <summary>The envelope is of another version of SOAP.</summary>
    public static FaultException VersionMismatch(string reason) => Of("VersionMismatch", reason);

    /// <summary>A field is malformed.</summary>
    public static FaultException<CardFault> Malformed(string field, string reason) => new(
        new CardFault { Field = field, Reason = reason }, new FaultReason($"{field} {reason}."), new FaultCode("Client"),
        action: null);

    /// <summary>The fault that a caller is told of for whatever was thrown.</summary>
    public FaultException Of(Exception exception)
    {
        switch (exception)
        {
            case FaultException fault:
                logger.LogDebug("A request is refused: {Reason}", fault.Message);
                return fault;
            // While the process stops.
            case ObjectDisposedException:
                break;
            case SqliteException:
                // What cannot be kept must not be answered, now or later: end, and say why.
                logger.LogCritical(exception, "Transactions cannot be kept any more: stopping");
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                break;
            default:
                logger.LogError(exception, "A request failed");
                break;
        }
        return Of("Server", "The service is unavailable; ask again under the same transactionId.");
    }

    private static FaultException Of(string code, string reason) =>
        new(new FaultReason(reason), new FaultCode(code), action: null);
}
