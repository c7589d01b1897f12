using System.Globalization;
using System.Reflection;
using System.Text;

namespace RotatingSequencer.Simulation;

/// <summary>What happened in the runs; it shows that the faults really occurred.</summary>
internal sealed class Statistics
{
    public long Runs;
    public long Events;
    public long SimulatedSeconds;
    public long Submissions;
    public long SubmissionsRefused;
    public long PayloadsCut;
    public long Numbers;
    public long Applications;
    public long Barriers;
    public long Datagrams;
    public long DatagramBytes;
    public long Lost;
    public long LostAtFullBuffer;
    public long LostToCuts;
    public long Duplicated;
    public long Late;
    public long Replayed;
    public long Corrupted;
    public long Malformed;
    public long Asked;
    public long AnsweredMessages;
    public long IgnoredBeyondWindow;
    public long Cuts;
    public long Halves;
    public long Pauses;
    public long Kills;
    public long PowerLosses;
    public long DeathsWithinStep;
    public long TornWrites;
    public long DisksLost;
    public long StatesLost;
    public long OlderCopies;
    public long OthersDisks;
    public long JournalsCutShort;
    public long SecondProcesses;
    public long ProcessesReplaced;
    public long LossesNoticed;
    public long StatesCopied;
    public long Epochs;
    public long Syncs;
    public long Checkpoints;
    public long MaxSettlingMilliseconds;

    public void Add(Statistics other)
    {
        foreach (var field in Fields)
        {
            var (mine, theirs) = ((long)field.GetValue(this)!, (long)field.GetValue(other)!);
            field.SetValue(
                this,
                field.Name.StartsWith("Max", StringComparison.Ordinal) ? Math.Max(mine, theirs) : mine + theirs
            );
        }
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var field in Fields)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {field.Name, -30} {field.GetValue(this), 16:N0}");
        }

        return text.ToString();
    }

    private static FieldInfo[] Fields => typeof(Statistics).GetFields(BindingFlags.Instance | BindingFlags.Public);
}
