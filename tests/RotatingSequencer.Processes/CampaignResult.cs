using System.Globalization;
using Agora.Lab;

namespace RotatingSequencer.Processes;

/// <summary>The result of a campaign.</summary>
/// <param name="Problem">The rule that was broken; null when none was.</param>
/// <param name="Delivered">Payloads in the common history.</param>
/// <param name="Acknowledged">Payloads whose submitters got an acknowledgement.</param>
/// <param name="Faults">How often each fault occurred.</param>
/// <param name="Kills">How many processes were killed.</param>
/// <param name="Network">The counts of all links together.</param>
internal sealed record CampaignResult(
    string? Problem,
    int Delivered,
    int Acknowledged,
    IReadOnlyDictionary<CampaignFault, int> Faults,
    int Kills,
    LinkCounts Network
)
{
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Delivered:N0} payloads delivered, {Acknowledged:N0} acknowledged; {Kills} kills ({DescribeFaults()}); "
                + $"datagrams: {Network.Passed:N0} passed, {Network.Lost:N0} lost, {Network.Doubled:N0} doubled, "
                + $"{Network.HeldBack:N0} held back, {Network.CutOff:N0} cut off"
        );

    private string DescribeFaults() => string.Join(", ", Faults.Select(fault => $"{fault.Key} {fault.Value}"));
}
