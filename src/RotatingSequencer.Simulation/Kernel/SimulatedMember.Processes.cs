namespace RotatingSequencer.Simulation;

/// <content>A second process of the same member, with a copy of its disk.</content>
internal sealed partial class SimulatedMember
{
    private bool _isOver;

    /// <summary>Which process it is: the member's id, or that and the number of members for a second one.</summary>
    public int Process { get; }

    /// <summary>The id of the member.</summary>
    public int Id => _id;

    /// <summary>
    /// Begins a second process with a copy of the disk, as it is now or as it was when a copy was kept.
    /// </summary>
    public SimulatedMember BeginSecond(bool earlier)
    {
        var process = Process == _id ? _id + _setup.Members : _id;
        SimulatedMember second = new(_world, _id, process);
        var (journal, position) = earlier && _copy is { } copy ? copy : (Journal: _disk.Copy(), _application.Position);
        second._disk.Put(journal);
        second._application.Put(position);
        return second;
    }

    /// <summary>Comes back after a while, as a process does that is supervised.</summary>
    public void StartLater() => _world.At(_world.Now + _random.Between(1, _setup.Outage), Start);

    /// <summary>Dies, and never starts again.</summary>
    public void EndForGood()
    {
        Crash(powerLoss: false, staysDown: true);
        _isOver = true;
    }
}
