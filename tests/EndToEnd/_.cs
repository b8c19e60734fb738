namespace EmailService.EndToEnd;
