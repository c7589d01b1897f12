namespace RotatingSequencer.Simulation.Plays;

/// <summary>Says what happens in a told scenario. Times are in microseconds since the play began.</summary>
internal sealed class ScenarioScript(World world, long began)
{
    private readonly List<Func<SentDatagram, bool>> _losses = [];

    /// <summary>A client hands a member a request.</summary>
    public void Submits(long at, int member) => world.At(began + at, () => world.Submit(member));

    public void Reads(long at, int member) => world.At(began + at, world.Members[member].ReadBarrier);

    public void Pauses(long at, int member, long duration) =>
        world.At(began + at, () => world.Members[member].Pause(duration));

    public void Dies(long at, int member) =>
        world.At(began + at, () => world.Members[member].Crash(powerLoss: false, staysDown: true));

    public void Starts(long at, int member) => world.At(began + at, world.Members[member].Start);

    /// <summary>Loses one Request on its way to one member, or to all; not its repetitions.</summary>
    public void LosesRequest(int sender, long local, int? to = null) =>
        _losses.Add(d =>
            (to is null || d.To == to)
            && d.Messages.Any(m =>
                m is { IsRequest: true, IsAgain: false } && m.Id == new Wire.RequestId(sender, local)
            )
        );

    /// <summary>Loses one Sequence on its way to one member, not its repetitions.</summary>
    public void LosesSequence(long number, int to) =>
        _losses.Add(d =>
            d.To == to && d.Messages.Any(m => m is { IsSequence: true, IsAgain: false } && m.Number == number)
        );

    public DatagramFate FateOf(SentDatagram datagram) =>
        _losses.Any(loses => loses(datagram)) ? DatagramFate.Lost : DatagramFate.Usual;
}
