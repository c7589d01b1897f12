using System.Diagnostics;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Replication.Telemetry;
using Google.Protobuf;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>The 25 bytes with which a sampled command carries its trace.</summary>
public sealed class TraceFieldTests
{
    private static readonly ActivityContext s_trace = new(
        ActivityTraceId.CreateFromString("0af7651916cd43dd8448eb211c80319c"),
        ActivitySpanId.CreateFromString("b7ad6b7169203331"),
        ActivityTraceFlags.Recorded
    );

    [Fact]
    public void It_is_a_field_of_both_databases_messages_and_changes_nothing_else_of_them()
    {
        CustomersCommand customers = new()
        {
            Fingerprint = 7,
            TouchSession = new() { UsedAt = 5 },
        };
        ProductsCommand products = new() { Fingerprint = 7, Confirm = new() };
        var tracedCustomers = CustomersCommand.Parser.ParseFrom(TraceField.Append(customers.ToByteArray(), s_trace));
        var tracedProducts = ProductsCommand.Parser.ParseFrom(TraceField.Append(products.ToByteArray(), s_trace));

        Assert.Equal(25, tracedCustomers.Trace.Length);
        Assert.Equal(tracedCustomers.Trace, tracedProducts.Trace);
        tracedCustomers.Trace = tracedProducts.Trace = ByteString.Empty;
        Assert.Equal(customers, tracedCustomers);
        Assert.Equal(products, tracedProducts);
    }

    [Fact]
    public void What_was_appended_is_read_and_the_last_one_counts()
    {
        var message = new CustomersCommand { TouchSession = new() { UsedAt = 5 } }.ToByteArray();
        ActivityContext other = new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), default);
        var read = TraceField.Read(TraceField.Append(TraceField.Append(message, other), s_trace));

        Assert.NotNull(read);
        Assert.Equal(
            (s_trace.TraceId, s_trace.SpanId, s_trace.TraceFlags, true),
            (read.Value.TraceId, read.Value.SpanId, read.Value.TraceFlags, read.Value.IsRemote)
        );
    }

    [Fact]
    public void A_text_of_a_user_that_looks_like_it_is_not_taken_for_it()
    {
        var field = TraceField.Append([], s_trace);
        CustomersCommand command = new() { CreateAccount = new() };
        command.CreateAccount.Name = new string(System.Text.Encoding.Latin1.GetChars(field));
        // The same bytes at the end of the message, but inside of a field.
        var message = new CustomersCommand { RecordVote = new() }.ToByteArray();
        byte[] inside = [0x62, (byte)field.Length, .. field];

        Assert.Null(TraceField.Read(command.ToByteArray()));
        Assert.Null(TraceField.Read(inside));
        Assert.Null(TraceField.Read(message));
        Assert.Null(TraceField.Read([]));
    }

    [Fact]
    public void Bytes_that_are_no_message_name_no_trace()
    {
        var broken = TraceField.Append([0xFF, 0xFF, 0xFF], s_trace);

        Assert.Null(TraceField.Read(broken));
    }
}
