using EmailService.Platform;

namespace EmailService.Record;

public static class RecordServices
{
    public static WebApplicationBuilder AddRecord(this WebApplicationBuilder builder)
    {
        builder.AddOptions<RecordOptions>("Record");
        builder.Services.AddSingleton(s => ReplyRulesReader.Load(s.GetRequiredService<RecordOptions>().ReplyRules));
        builder.Services.AddSingleton<ILedgerStore, LedgerStore>();
        builder.Services.AddSingleton<SuppressionStore>();
        builder.Services.AddSingleton<RefusalWatch>();
        builder.Services.AddSingleton<RecordMetrics>();
        builder.Services.AddSingleton<TlsTallyStore>();
        builder.Services.AddSingleton<TlsTally>();
        builder.Services.AddSingleton<OutcomeLog>();
        builder.Services.AddSingleton<Ledger>();
        builder.Services.AddSingleton<OperatorExpiry>();
        if (builder.Has(Role.Deliver))
        {
            // Stops after the ledger, which counts until it has stored its last outcome.
            builder.Services.AddHostedService(s => s.GetRequiredService<TlsTally>());
            builder.Services.AddHostedService(s => s.GetRequiredService<Ledger>());
        }

        return builder;
    }

    public static void MapRecord(this WebApplication app) => app.MapSuppressions();
}
