using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

public sealed class SightingsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Sightings _sightings;

    public SightingsTests() => _sightings = new Sightings(_time);

    [Fact]
    public void A_thing_is_as_old_as_it_was_first_seen()
    {
        See(1);
        _sightings.EndSweep();
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Empty(Due(10, See(1)));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([1], Due(10, See(1), See(2)));
    }

    [Fact]
    public void Fifty_that_can_never_be_settled_do_not_hold_up_the_next()
    {
        var hopeless = Enumerable.Range(0, 50).Select(See).ToList();
        foreach (var (_, sighting) in hopeless)
        {
            sighting!.Failures++;
        }

        _time.Advance(TimeSpan.FromSeconds(20));
        var next = See(50);
        _time.Advance(TimeSpan.FromSeconds(30));
        var due = Due(50, [.. hopeless, next]);
        Assert.Equal(50, due.Count);
        Assert.Equal(50, due[0]);
    }

    [Fact]
    public void What_a_whole_sweep_did_not_see_is_forgotten()
    {
        _sightings.See(Id(1))!.Failures = 1;
        _sightings.See(Id(2))!.Failures = 2;
        _sightings.EndSweep();
        _sightings.See(Id(2));
        _sightings.EndSweep();
        Assert.Equal(0, _sightings.See(Id(1))!.Failures);
        Assert.Equal(2, _sightings.See(Id(2))!.Failures);
    }

    [Fact]
    public void The_number_of_known_things_is_bounded_and_settled_ones_make_room()
    {
        for (var i = 0; i < Sightings.MaxKnown; i++)
        {
            Assert.NotNull(_sightings.See(Id(i)));
        }

        Assert.Null(_sightings.See(Id(-1)));
        _sightings.EndSweep();
        _sightings.See(Id(0));
        _sightings.EndSweep();
        Assert.NotNull(_sightings.See(Id(-1)));
    }

    private (int Item, Sightings.Sighting? Sighting) See(int number) => (number, _sightings.See(Id(number)));

    private List<int> Due(int limit, params (int Item, Sightings.Sighting? Sighting)[] seen) =>
        [.. _sightings.Due(seen, TimeSpan.FromSeconds(30), limit).Select(each => each.Item)];

    private static ByteString Id(int number) => ByteString.CopyFrom(BitConverter.GetBytes(number));
}
