using System.Diagnostics;
using System.Text.Json;
using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>
/// "A third-party service, described by its WSDL, usable by any SOAP 1.1 client": here Python's zeep, which reads the
/// WSDL strictly.
/// </summary>
public sealed class ZeepTests : IDisposable
{
    // Debian's own Python, for which python3-zeep is installed; another Python earlier in the path may not have it.
    private const string Python = "/usr/bin/python3";

    private const string Secret = "only-the-merchant-and-the-service-know";

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-payments-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_client_that_is_not_ours_gets_what_the_wsdl_promises_and_the_same_after_a_restart()
    {
        Assert.SkipUnless(
            File.Exists(Python) && (await RunAsync("-c", "import zeep")).Code == 0,
            "python3-zeep is not installed (Debian: apt-get install python3-zeep)"
        );

        var first = await AnswersAsync();
        var second = await AnswersAsync();

        Assert.Equal(
            """{"operations":["Cancel","Charge","Find"],"charge":"Approved","again":"Approved","find":"Approved","""
                + "\"unknown\":\"Unknown\",\"refusedCancel\":[\"Client\",true],\"cancel\":\"Cancelled\","
                + "\"chargeCancelled\":\"Declined\",\"badNumber\":[\"Client\",\"CardFault\",\"cardNumber\",true],"
                + "\"badMonth\":[\"Client\",\"CardFault\",\"expirationDate\",true],"
                + "\"badCode\":[\"Client\",\"CardFault\",\"securityCode\",true],"
                + "\"badId\":[\"Client\",\"CardFault\",\"transactionId\",true],\"refused\":\"Unknown\"}",
            JsonSerializer.Serialize(first)
        );
        Assert.Equal(JsonSerializer.Serialize(first), JsonSerializer.Serialize(second));
    }

    /// <summary>The answers that the client gets from a new service on the data of an earlier one.</summary>
    private async Task<JsonElement> AnswersAsync()
    {
        var secret = Path.Combine(_directory, "payments.secret");
        await File.WriteAllTextAsync(secret, Secret, Cancellation);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration[MerchantSecret.FileSetting] = secret;
        builder.Logging.ClearProviders();
        await using var app = PaymentsHost.Build(
            builder,
            new ClusterFile
            {
                Payments = new()
                {
                    Replicas = [new()],
                    Seed = 1,
                    ApprovalProbability = 1,
                },
            },
            0,
            _directory
        );
        await app.StartAsync(Cancellation);
        var (code, output, error) = await RunAsync(
            Path.Combine(AppContext.BaseDirectory, "zeep_client.py"),
            app.Urls.Single() + "/FinancialTransactions?wsdl",
            Secret
        );
        Assert.True(code == 0, error);
        await app.StopAsync(Cancellation);
        return JsonSerializer.Deserialize<JsonElement>(output);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Python, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["no_proxy"] = "127.0.0.1", ["PYTHONDONTWRITEBYTECODE"] = "1" },
            }
        )!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(Cancellation),
            error = process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        return (process.ExitCode, await output, await error);
    }
}
