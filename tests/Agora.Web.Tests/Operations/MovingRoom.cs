using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>Shows a new picture again and again, as a real control room does; a test chooses what is on it.</summary>
internal sealed class MovingRoom : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Task _moving;
    private volatile Func<DateTime, Picture> _picture;

    public MovingRoom(FakeRoom room, Func<DateTime, Picture> picture)
    {
        _picture = picture;
        room.Show(picture(DateTime.UtcNow));
        _moving = MoveAsync(room);
    }

    public void Show(Func<DateTime, Picture> picture) => _picture = picture;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _moving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    private async Task MoveAsync(FakeRoom room)
    {
        using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(200));
        while (await timer.WaitForNextTickAsync(_end.Token))
        {
            room.Show(_picture(DateTime.UtcNow));
        }
    }
}
