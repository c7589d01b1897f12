using System.ServiceModel;
using Agora.Contracts.Payments;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Payments;

/// <summary>
/// The fault that answers a failed request: what to change, or that the service is at fault; never an internal detail.
/// </summary>
internal sealed class SoapFaults(ILogger<SoapFaults> logger, IHostApplicationLifetime lifetime)
{
    /// <summary>The request is wrong, in its form or its content.</summary>
    public static FaultException Client(string reason) => Of("Client", reason);

    /// <summary>A header must be understood and is not: nothing was done.</summary>
    public static FaultException MustUnderstand(string reason) => Of("MustUnderstand", reason);

    /// <summary>The envelope belongs to another version of SOAP.</summary>
    public static FaultException VersionMismatch(string reason) => Of("VersionMismatch", reason);

    /// <summary>A field is malformed.</summary>
    public static FaultException<CardFault> Malformed(string field, string reason) =>
        new(
            new CardFault { Field = field, Reason = reason },
            new FaultReason($"{field} {reason}."),
            new FaultCode("Client"),
            action: null
        );

    /// <summary>The fault for an exception.</summary>
    public FaultException Of(Exception exception)
    {
        switch (exception)
        {
            case FaultException fault:
                logger.LogDebug("A request is refused: {Reason}", fault.Message);
                return fault;
            // The process stops.
            case ObjectDisposedException:
                break;
            case SqliteException:
                // An answer that cannot be stored must not be sent: stop, and log why.
                logger.LogCritical(exception, "Transactions cannot be stored any more: stopping");
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                break;
            default:
                logger.LogError(exception, "A request failed");
                break;
        }

        return Of("Server", "The service is unavailable; repeat the request with the same transactionId.");
    }

    private static FaultException Of(string code, string reason) =>
        new(new FaultReason(reason), new FaultCode(code), action: null);
}
